c{
  "image_processor": {
    "do_convert_rgb": true,
    "do_image_splitting": true,
    "do_normalize": true,
    "do_pad": true,
    "do_rescale": true,
    "do_resize": true,
    "image_mean": [
      0.5,
      0.5,
      0.5
    ],
    "image_processor_type": "Idefics3ImageProcessor",
    "image_std": [
      0.5,
      0.5,
      0.5
    ],
    "max_image_size": {
      "longest_edge": 64
    },
    "resample": 1,
    "rescale_factor": 0.00392156862745098,
    "size": {
      "longest_edge": 256
    },
    "video_sampling": {
      "fps": 1,
      "max_frames": 64,
      "video_size": {
        "longest_edge": 64
      }
    }
  },
  "image_seq_len": 4,
  "processor_class": "Idefics3Processor"
}
