-- What is stored here must have the form that this process knows. Where nothing is stored yet, it has from now on.
-- ARGV: version. Returns {version found or '', a key of the form that had no version yet or ''}.
local found = redis.call('GET', K.schema)
if found then return {found, ''} end
local unversioned = {
  'fence', 'out', 'in', 'hold', 'held', 'buried:out', 'buried:in', 'ccd', 'parked', 'turns', 'notices',
}
for _, name in ipairs(unversioned) do
  if redis.call('EXISTS', K.prefix .. name) == 1 then return {'', K.prefix .. name} end
end
redis.call('SET', K.schema, ARGV[1], 'NX')
return {ARGV[1], ''}
