"""A stub: imported when the site starts, as tasks will be."""
