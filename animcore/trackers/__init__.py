"""Faces, hands, bodies and persons in images: the networks in assets/trackers, and what leads them through a video.

They are MediaPipe's (Google, Apache-2.0) and find what MediaPipe finds, with numpy and onnxruntime alone.
"""
