"""What a gauge's measurements are called; apart from it, because a report needs the names and no torch."""

GRADIENT, NOT_FINITE, RATIO = "gradient norm", "gradients not finite", "update/weight "
"""Names under which measurements stand beside the metrics; the last is followed by the parameter's name."""
