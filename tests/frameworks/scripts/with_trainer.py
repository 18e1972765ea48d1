"""Trainer of transformers, with the arguments that HfArgumentParser reads."""

import torch
from transformers import HfArgumentParser, LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments, set_seed

(args,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses()
set_seed(args.seed)
texts = [torch.tensor([(3 * i + i * j + j * j) % 29 for j in range(6)]) for i in range(24)]
data = [{"input_ids": text, "labels": text} for text in texts]
sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
trainer = Trainer(
    LlamaForCausalLM(LlamaConfig(vocab_size=29, **sizes)), args, train_dataset=data, eval_dataset=data[:8]
)
trainer.train()
trainer.evaluate()
