"""What configs say of rows: data sets, splits, templates, stages, in concepts that both tools have.

Concepts: `stage`, `tokens`, `thinking`, `template_date`, those of the whole run (`data.template`,
`data.eval_share`, ...) and the parts of each data set (`data.train[0].path`, `data.eval[0].split`):

- where it lies: path (as seen from where the tool is started), builder (the reader of Hugging
  Face's that reads path or files, where a config names one), hub, modelscope, openmind, script,
  name (what a config calls it), subset, split, revision, files, folder, file_type
- which rows: samples (rows at most), weight (share of the rows), shards, shard, chunks, skip
- layout: "messages", "openai", "alpaca", "text", "preference", "kto", "segments", "tokens",
  "steps", "custom"; columns.ROLE (the column that holds it); roles.ROLE (names that turns have)
- how a row becomes text: prompt (a word of Axolotl's; left out where the chat template does it),
  format.PART (texts of the config's own), system, template
- what is trained on: roles_to_train, train_on_eos, ...
"""
