c{
  "image_seq_len": 4,
  "processor_class": "Idefics3Processor"
}
