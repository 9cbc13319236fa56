"""More than one proxy host and media host: what one tunnel's end means to calls."""
