-- For the scripts as Redis gets them, which `python -m tests.scripts DIRECTORY` writes.
std = "lua51"
read_globals = {"cjson", "cmsgpack", "redis", "KEYS", "ARGV"}
ignore = {
  "211", -- a script gets the whole of each shared file that it uses, whatever it needs of it
  "631", -- columns are counted in the sources, before names are replaced by keys
}
