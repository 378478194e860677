from follows.tests.conftest import many_edges

__all__ = ["many_edges"]
