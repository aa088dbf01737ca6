"""What the demo's models take and give; the bounds say what is possible, not what the training data happened to hold."""

from __future__ import annotations

from collections.abc import Mapping

from clearance.registry.contract import Datatype, Field, ModelContract

OUTPUTS = (
    Field(name="label", datatype=Datatype.INT64, categories=(0, 1)),
    Field(name="probability", datatype=Datatype.FP32, minimum=0, maximum=1),
)

CAR_LOAN = ModelContract(
    inputs=(
        Field(name="car_value", datatype=Datatype.INT64, minimum=500, maximum=1_000_000),  # euros
        Field(name="debt_to_income_ratio", datatype=Datatype.FP32, minimum=0, maximum=5),
        Field(name="loan_length", datatype=Datatype.INT64, minimum=1, maximum=120),  # months
        Field(name="driver_tenure", datatype=Datatype.FP32, minimum=0, maximum=80),  # years
        Field(name="repaid_loan_on_prev_car", datatype=Datatype.BOOL),
        Field(
            name="salary_range",
            datatype=Datatype.BYTES,
            categories=("0 - 20K €", "20K - 40K €", "40K - 60K €", "60K+ €"),
        ),
        Field(name="size_of_downpayment", datatype=Datatype.BYTES, categories=("0%", "10%", "20%", "30%", "40%")),
    ),
    outputs=OUTPUTS,
)

_INCOME_NUMBERS = {
    "age": (16, 120),  # years
    "education_num": (1, 16),
    "hours_per_week": (1, 168),
    "capital_gain": (0, 99_999),  # dollars
    "capital_loss": (0, 99_999),
}
_INCOME_WORDS: dict[str, tuple[str, ...]] = {
    "workclass": (
        "?",
        "Federal-gov",
        "Local-gov",
        "Never-worked",
        "Private",
        "Self-emp-inc",
        "Self-emp-not-inc",
        "State-gov",
        "Without-pay",
    ),
    "occupation": (
        "?",
        "Adm-clerical",
        "Armed-Forces",
        "Craft-repair",
        "Exec-managerial",
        "Farming-fishing",
        "Handlers-cleaners",
        "Machine-op-inspct",
        "Other-service",
        "Priv-house-serv",
        "Prof-specialty",
        "Protective-serv",
        "Sales",
        "Tech-support",
        "Transport-moving",
    ),
    "marital_status": (
        "Divorced",
        "Married-AF-spouse",
        "Married-civ-spouse",
        "Married-spouse-absent",
        "Never-married",
        "Separated",
        "Widowed",
    ),
    "relationship": ("Husband", "Not-in-family", "Other-relative", "Own-child", "Unmarried", "Wife"),
    "native_country": (
        "?",
        "Cambodia",
        "Canada",
        "China",
        "Columbia",
        "Cuba",
        "Dominican-Republic",
        "Ecuador",
        "El-Salvador",
        "England",
        "France",
        "Germany",
        "Greece",
        "Guatemala",
        "Haiti",
        "Holand-Netherlands",
        "Honduras",
        "Hong",
        "Hungary",
        "India",
        "Iran",
        "Ireland",
        "Italy",
        "Jamaica",
        "Japan",
        "Laos",
        "Mexico",
        "Nicaragua",
        "Outlying-US(Guam-USVI-etc)",
        "Peru",
        "Philippines",
        "Poland",
        "Portugal",
        "Puerto-Rico",
        "Scotland",
        "South",
        "Taiwan",
        "Thailand",
        "Trinadad&Tobago",
        "United-States",
        "Vietnam",
        "Yugoslavia",
    ),
}
_PROTECTED: dict[str, tuple[str, ...]] = {
    "sex": ("Female", "Male"),
    "race": ("Amer-Indian-Eskimo", "Asian-Pac-Islander", "Black", "Other", "White"),
}


def _income(words: Mapping[str, tuple[str, ...]]) -> ModelContract:
    return ModelContract(
        inputs=(
            *(
                Field(name=name, datatype=Datatype.INT64, minimum=low, maximum=high)
                for name, (low, high) in _INCOME_NUMBERS.items()
            ),
            *(Field(name=name, datatype=Datatype.BYTES, categories=known) for name, known in words.items()),
        ),
        outputs=OUTPUTS,
    )


INCOME_TOLD = _income({**_INCOME_WORDS, **_PROTECTED})
"""Of version 1, which is told sex and race."""
INCOME_BLIND = _income(_INCOME_WORDS)
"""Of version 2, which is not."""
