"""Whether samples fit the model: other declarations are tried on the samples, and what the model remembers is asked."""
