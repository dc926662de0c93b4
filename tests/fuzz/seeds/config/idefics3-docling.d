d{
  "_from_model_config": true,
  "bos_token_id": 0,
  "eos_token_id": 0,
  "pad_token_id": 2,
  "transformers_version": "4.47.1"
}
