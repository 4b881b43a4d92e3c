-- What an operator may see of an item: {id, flat fields without the text, when its lane is looked at or '', how many of
-- its lane come before it}, or {id, what became of it, ms since then} when it is done, or {id}.
local function entry_of(q, id)
  local key = q.item .. id
  local item = load_item(key)
  if item then
    local fields = {}
    for field, value in pairs(item) do
      if field ~= F.text then fields[#fields + 1] = field; fields[#fields + 1] = value end
    end
    local at, ahead = redis.call('ZSCORE', q.queue, item[F.lane]), redis.call('ZRANK', q.lane .. item[F.lane], id)
    return {id, fields, at or '', ahead or 0}
  end
  if redis.call('TYPE', key).ok == 'string' then
    return {id, redis.call('GET', key), KEEP.closed - redis.call('PTTL', key)}
  end
  return {id}
end
