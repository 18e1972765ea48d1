"""What Keras and optax call a rule, its arguments and its state, and what they have beside torch: rules in their words.

Each is a plain function, so it has a kernel and a formula like any other, and `steepest.optimizer(keras.RMSprop)` is
Keras's RMSprop for torch.  Where the mathematics is that of `steepest.rules`, a dialect calls it; else it is
stated here.
"""
