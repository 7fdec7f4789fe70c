"""How well a detector finds what people boxed: pictures with truth, AP, the best threshold."""
