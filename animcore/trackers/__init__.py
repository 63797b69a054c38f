"""Faces, hands, bodies and persons in images: the networks in assets/trackers, and what leads them from image to image.

They are those of MediaPipe (Google, Apache-2.0), and find what MediaPipe finds; numpy and onnxruntime are all they need.
"""
