"""Video analytics for small boxes: RTSP cameras in, events out over MQTT, nothing lost."""

__version__ = "0.1.0"
