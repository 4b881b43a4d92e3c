-- A reply begins to wait at its place among those of its handset: l handset, n number of ours, x text, i messageId,
-- b what the number carried on that handset when it came, d when that was, o its place; r = 1 when it is not whole.
local function add_reply(q, rid, reply, now)
  redis.call('HSET', q.item .. rid, 'l', reply.l, 'n', reply.n, 'x', reply.x, 'i', reply.i, 'b', reply.b, 'd', reply.d,
    'o', reply.o, 's', 'R')
  if reply.r then redis.call('HSET', q.item .. rid, 'r', '1') end
  redis.call('ZADD', q.lane .. reply.l, reply.o, rid)
  came(q, reply.l, rid, now)
end

local function carried_by(handset, number) return redis.call('HGET', K.handset .. handset, number) or '' end

local function next_place() return int(redis.call('INCR', K.fence)) end
