local function names(queue)          -- the keys of one of the two queues
  if queue == 'out' then
    return {queue = K.out_queue, lane = K.out_lane, item = K.out_item, uncertain = K.out_uncertain, buried = K.out_buried}
  end
  return {queue = K.in_queue, lane = K.in_lane, item = K.in_item, uncertain = K.in_uncertain, buried = K.in_buried}
end

local function load_item(key)
  if redis.call('TYPE', key).ok ~= 'hash' then return nil end
  local flat, item = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do item[flat[i]] = flat[i + 1] end
  return item
end

-- Takes an item out of its lane; when it was the head, the next one may be looked at at once.
local function leave_lane(q, lane, id, now)
  local head = redis.call('ZRANGE', q.lane .. lane, 0, 0)[1]
  redis.call('ZREM', q.lane .. lane, id)
  if redis.call('EXISTS', q.lane .. lane) == 0 then redis.call('ZREM', q.queue, lane)
  elseif head == id then redis.call('ZADD', q.queue, int(now), lane) end
end

local function set_aside(q, id, item, state, reason, now)
  leave_lane(q, item.l, id, now)
  redis.call('ZREM', q.uncertain, id)
  redis.call('ZREM', q.buried, id)
  redis.call('HSET', q.item .. id, 's', state, 'e', reason, 'z', int(now))
  redis.call('PEXPIRE', q.item .. id, int(KEEP.aside))
  if item.m then redis.call('PEXPIRE', K.message .. item.m, int(KEEP.aside)) end
  local aside = state == 'U' and q.uncertain or q.buried
  redis.call('ZADD', aside, int(now), id)
  redis.call('ZREMRANGEBYSCORE', aside, '-inf', int(now - KEEP.aside))   -- their items are gone
end

-- Puts an item back at its place. A definite word also counts when the lease ran out meanwhile, so that the item stands
-- aside: then it comes back, and waits for the one that its lane may be working on.
local function put_back(q, id, item, reason, at)
  local aside = redis.call('ZREM', q.uncertain, id) + redis.call('ZREM', q.buried, id) > 0
  if not aside then redis.call('ZREM', q.queue, item.l) end
  redis.call('ZADD', q.lane .. item.l, item.o or item.d, id)
  redis.call('HSET', q.item .. id, 's', 'R', 'k', '')
  redis.call('HDEL', q.item .. id, 'c')
  redis.call('PERSIST', q.item .. id)
  if item.m then redis.call('PERSIST', K.message .. item.m) end
  if reason ~= '' then redis.call('HSET', q.item .. id, 'e', reason) end
  redis.call('ZADD', q.queue, 'NX', int(at), item.l)
end

local function held_so_far(now)
  local total = tonumber(redis.call('GET', K.held) or '0')
  local since = redis.call('HGET', K.hold, 'since')
  if since then total = total + now - tonumber(since) end
  return total
end
