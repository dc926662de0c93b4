e{
  "add_prefix_space": false,
  "backend": "tokenizers",
  "bos_token": "<|start_of_role|>",
  "clean_up_tokenization_spaces": false,
  "end_of_utterance_token": "<end_of_utterance>",
  "eos_token": "<|end_of_text|>",
  "extra_special_tokens": [
    "<fake_token_around_image>",
    "<image>",
    "<end_of_utterance>"
  ],
  "fake_image_token": "<fake_token_around_image>",
  "global_image_token": "<global-img>",
  "image_token": "<image>",
  "is_local": true,
  "local_files_only": false,
  "model_max_length": 8192,
  "model_specific_special_tokens": {
    "end_of_utterance_token": "<end_of_utterance>",
    "fake_image_token": "<fake_token_around_image>",
    "global_image_token": "<global-img>",
    "image_token": "<image>"
  },
  "pad_token": "<|end_of_text|>",
  "processor_class": "Idefics3Processor",
  "tokenizer_class": "TokenizersBackend",
  "unk_token": "<|end_of_text|>"
}
