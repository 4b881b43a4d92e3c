-- uses time messages sms_index
-- Whose SMS it is, by the provider's id of it or of a part of it. ARGV: now, ids to look for. Returns the nid or ''.
for i = 2, #ARGV do
  local nid = indexed_sms(ARGV[i], clock(ARGV[1]))
  if nid then return nid end
end
return ''
