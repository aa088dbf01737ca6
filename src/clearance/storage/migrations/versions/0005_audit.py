"""The log: tiles and a head instead of nodes, its keys, and its witnesses' cosignatures."""

import hashlib
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Give every leaf its hash, every 256 of them their tile, and the log its head, all from the leaves that are there."""
    op.create_table(
        "audit_tiles",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_audit_tiles")),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signer", sa.Text(), nullable=False),
        sa.Column("successor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_keys",
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("since", name=op.f("pk_audit_keys")),
    )
    op.create_table(
        "audit_cosignatures",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.String(length=255), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_audit_cosignatures")),
    )
    op.add_column("audit_leaves", sa.Column("hash", sa.LargeBinary(), nullable=True))
    _fill(op.get_bind())
    with op.batch_alter_table("audit_leaves") as table:
        table.alter_column("position", existing_type=sa.BigInteger(), type_=POSITION, existing_nullable=False)
        table.alter_column("hash", existing_type=sa.LargeBinary(), nullable=False)
    op.drop_table("audit_nodes")


def _fill(connection: sa.Connection) -> None:
    """Read the leaves once; what was signed over them stays as it is, so that a leaf changed before is still found after."""
    peaks: list[tuple[int, bytes]] = []
    rows: dict[int, list[bytes]] = {}
    size = 0
    for position, leaf in _leaves(connection):
        leaf_hash = hashlib.sha256(b"\x00" + leaf).digest()
        connection.execute(
            sa.text("update audit_leaves set hash = :hash where position = :position"),
            {"hash": leaf_hash, "position": position},
        )
        _grow(peaks, leaf_hash)
        _tile(connection, rows, 0, position // 256, leaf_hash)
        size += 1
    note = connection.execute(sa.text("select note from audit_checkpoints order by size desc limit 1")).scalar() or ""
    connection.execute(
        sa.text("insert into audit_head values (1, :size, :peaks, :note, '', '')"),
        {"size": size, "peaks": b"".join(each for _, each in peaks), "note": note},
    )


def _leaves(connection: sa.Connection) -> Iterator[tuple[int, bytes]]:
    after = -1
    query = sa.text("select position, leaf from audit_leaves where position > :after order by position limit 1000")
    while found := connection.execute(query, {"after": after}).all():
        for position, leaf in found:
            yield position, bytes(leaf)
            after = position


def _grow(peaks: list[tuple[int, bytes]], current: bytes) -> None:
    count = 1
    while peaks and peaks[-1][0] == count:
        current = hashlib.sha256(b"\x01" + peaks.pop()[1] + current).digest()
        count *= 2
    peaks.append((count, current))


def _tile(connection: sa.Connection, rows: dict[int, list[bytes]], level: int, index: int, current: bytes) -> None:
    row = rows.setdefault(level, [])
    row.append(current)
    if len(row) < 256:
        return
    hashes = b"".join(row)
    while len(row) > 1:
        row = [hashlib.sha256(b"\x01" + row[place] + row[place + 1]).digest() for place in range(0, len(row), 2)]
    rows[level] = []
    connection.execute(
        sa.text("insert into audit_tiles values (:level, :position, :hashes, :root)"),
        {"level": level, "position": index, "hashes": hashes, "root": row[0]},
    )
    _tile(connection, rows, level + 1, index // 256, row[0])
