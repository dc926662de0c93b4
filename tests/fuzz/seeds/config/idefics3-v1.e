e{
  "fake_image_token": "<fake_token_around_image>",
  "image_token": "<image>",
  "end_of_utterance_token": "<end_of_utterance>",
  "bos_token": "<|im_start|>",
  "eos_token": "<end_of_utterance>",
  "pad_token": "<|im_end|>",
  "unk_token": "<|endoftext|>",
  "clean_up_tokenization_spaces": false,
  "add_prefix_space": false,
  "model_max_length": 8192,
  "tokenizer_class": "GPT2Tokenizer",
  "processor_class": "Idefics3Processor",
  "extra_special_tokens": {
    "fake_image_token": "<fake_token_around_image>",
    "image_token": "<image>",
    "end_of_utterance_token": "<end_of_utterance>"
  }
}
