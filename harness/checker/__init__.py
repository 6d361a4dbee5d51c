"""The integrity checker: writes stamped blocks, keeps what was acknowledged, reads everything back."""
