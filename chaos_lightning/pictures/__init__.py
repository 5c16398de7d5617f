"""Pictures that several parts draw: grids of images, spectra, and the look that figures have in common."""
