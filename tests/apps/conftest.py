from tests.redis_server import redis_away

__all__ = ["redis_away"]
