"""How `ring-nano` is made: data, network, training, export, evaluation. Not in the wheel."""
