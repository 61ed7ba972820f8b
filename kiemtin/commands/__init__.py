"""The commands of `kiemtin`, by who uses them."""
