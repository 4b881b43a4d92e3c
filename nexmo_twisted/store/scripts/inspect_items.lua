-- uses time queue inspection
-- What there is to see of some items. ARGV: queue, ids. Returns an entry each.
local q, entries = names(ARGV[1]), {}
for i = 2, #ARGV do entries[#entries + 1] = entry_of(q, ARGV[i]) end
return entries
