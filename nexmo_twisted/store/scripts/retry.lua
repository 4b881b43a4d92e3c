-- uses time queue
-- An item is to be looked at again. It keeps its place at the head of its lane, so nothing overtakes it.
-- ARGV: now, queue, id, token, ms until then, reason ('' = given back untouched), field to count or ''
-- Returns DONE or STALE.
local now, q, id = clock(ARGV[1]), names(ARGV[2]), ARGV[3]
local item = load_item(q.item .. id)
if not item or item.k ~= ARGV[4] then return 'STALE' end
redis.call('ZREM', q.queue, item.l)
redis.call('HSET', q.item .. id, 's', 'R', 'k', '')
redis.call('HDEL', q.item .. id, 'c')
if ARGV[6] ~= '' then
  redis.call('HSET', q.item .. id, 'e', ARGV[6])
  redis.call('HINCRBY', q.item .. id, 't', 1)
end
if ARGV[7] ~= '' then redis.call('HINCRBY', q.item .. id, ARGV[7], 1) end
redis.call('ZADD', q.queue, int(now + tonumber(ARGV[5])), item.l)
return 'DONE'
