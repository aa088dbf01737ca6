"""The steps of the story, one file each: TITLE, WHY, and `run`, which fills the facts as it goes."""
