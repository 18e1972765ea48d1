"""What other libraries call a rule, its arguments and its state: rules again, in their words, that call ours.

Each is a plain function, so it has a kernel and a formula like any other, and `steepest.optimizer(keras.RMSprop)` is
Keras's RMSprop for torch.  The mathematics is in `steepest.rules` alone.
"""
