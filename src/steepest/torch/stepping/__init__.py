"""How a group is stepped: which tensors go into which kernel, and the rule on tensors elsewhere."""
