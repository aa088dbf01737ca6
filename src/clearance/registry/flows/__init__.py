"""Which job's run read and wrote which dataset: what pipelines say of themselves, in no format's words."""
