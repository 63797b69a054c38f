"""A watermark in the pixels: 32 bits that survive what takes a manifest away. numpy only; the key is public.

Ours, and no package: `trustmark` (MIT) needs torch and weights that it fetches, and marks frame by frame;
`invisible-watermark` (MIT) needs OpenCV and torch, and its blocks are lost by scaling and cropping, as are those of
`blind-watermark` (MIT, wants the length and the original's size); `videoseal` needs torch and its weights' download.
"""
