local function names(queue)          -- the keys of one of the two queues
  if queue == 'out' then
    return {queue = K.out_queue, lane = K.out_lane, item = K.out_item,
      uncertain = K.out_uncertain, dead = K.out_dead}
  end
  return {queue = K.in_queue, lane = K.in_lane, item = K.in_item, uncertain = K.in_uncertain, dead = K.in_dead}
end

local function load_item(key)
  if redis.call('TYPE', key).ok ~= 'hash' then return nil end
  local flat, item = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do item[flat[i]] = flat[i + 1] end
  return item
end

-- Whether an item has the lease of its lane: then the lane is to be looked at when the lease of the item ends.
-- Another item may have come to the head of the lane meanwhile, or have taken the lane over after that lease.
local function has_lease(q, item)
  return (item[F.state] == 'C' or item[F.state] == 'S') and item[F.lease_ends]
    and redis.call('ZSCORE', q.queue, item[F.lane]) == item[F.lease_ends]
end

-- The line before a limit (see rate_limits.lua): ZSET at K.rate_wait .. name, nid -> its place among those that wait.
-- An item in line has the limit that it waits for, the one before that or '', its place, and as its turn the score of
-- its lane.

-- Those that come first need wait no longer than for those before them, who may have left: as many as pass in a second.
local function close_up(q, name)
  local read = redis.call('HMGET', K.rate .. name, F.next_slot, F.interval, F.tolerance)
  local t, interval, early = tonumber(read[1] or '0'), tonumber(read[2] or '0'), tonumber(read[3] or '0')
  local most = math.min(30, math.ceil(1000000 / math.max(interval, 1)))
  for n, id in ipairs(redis.call('ZRANGE', K.rate_wait .. name, 0, most)) do
    local item, slot = load_item(q.item .. id), math.ceil((t + (n - 1) * interval - early) / 1000)
    if not item or item[F.limit] ~= name and item[F.limit_before] ~= name then
      redis.call('ZREM', K.rate_wait .. name, id)
    elseif item[F.state] == 'R' and item[F.limit] == name and slot < (tonumber(item[F.turn]) or 0)
      and redis.call('ZSCORE', q.queue, item[F.lane]) == item[F.turn] then   -- else its lane waits for something else
      redis.call('ZADD', q.queue, int(slot), item[F.lane])
      redis.call('ZADD', K.rate_turns, int(slot), item[F.lane])
      redis.call('HSET', q.item .. id, F.turn, int(slot))
    end
  end
end

-- A clock that was ahead gave turns that are further ahead than any that comes first: the limit is free, and those
-- before it move up.
local function cut_back(q, now)
  local first = redis.call('ZRANGE', K.rate_turns, 0, 0, 'WITHSCORES')
  if not first[1] or tonumber(first[2]) - now <= KEEP.slot then return end
  redis.call('ZREM', K.rate_turns, first[1])
  if redis.call('ZSCORE', q.queue, first[1]) ~= first[2] then return end
  local id = redis.call('ZRANGE', q.lane .. first[1], 0, 0)[1]
  local item = id and load_item(q.item .. id)
  local t = item and item[F.limit] and tonumber(redis.call('HGET', K.rate .. item[F.limit], F.next_slot) or '')
  if t and t / 1000 - now > KEEP.slot then redis.call('HSET', K.rate .. item[F.limit], F.next_slot, int(now * 1000)) end
  if item and item[F.limit] then close_up(q, item[F.limit]) end
end

-- An item leaves the lines it stands in, but for those that are given.
local function leave_lines(q, id, item, on, by)
  for _, name in ipairs({item[F.limit] or '', item[F.limit_before] or ''}) do
    if name ~= '' and name ~= on and name ~= by and redis.call('ZREM', K.rate_wait .. name, id) == 1 then
      close_up(q, name)
    end
  end
  if not on then redis.call('HDEL', q.item .. id, F.limit, F.limit_before, F.turn) end
end

-- Takes an item out of its lane; when the lane was its own, the next one may be looked at at once.
local function leave_lane(q, id, item, now)
  redis.call('ZREM', q.lane .. item[F.lane], id)
  if redis.call('EXISTS', q.lane .. item[F.lane]) == 0 then redis.call('ZREM', q.queue, item[F.lane])
  elseif has_lease(q, item) then redis.call('ZADD', q.queue, int(now), item[F.lane]) end
  if item[F.limit] then leave_lines(q, id, item) end
end

-- Leases the lane of an item to it.
local function lease_lane(q, id, item, ends)
  redis.call('ZADD', q.queue, int(ends), item[F.lane])
  redis.call('HSET', q.item .. id, F.lease_ends, int(ends))
end

local function set_aside(q, id, item, state, reason, now)
  leave_lane(q, id, item, now)
  redis.call('ZREM', q.uncertain, id)
  redis.call('ZREM', q.dead, id)
  redis.call('HSET', q.item .. id, F.state, state, F.reason, reason, F.aside_at, int(now))
  redis.call('PEXPIRE', q.item .. id, int(KEEP.aside))
  if item[F.message] then redis.call('PEXPIRE', K.message .. item[F.message], int(KEEP.aside)) end
  redis.call('ZADD', state == 'U' and q.uncertain or q.dead, int(now), id)
end

-- Puts an item back at its place. A definite word also counts when the lease ran out meanwhile, so that the item stands
-- aside: then it comes back, and waits for the one that its lane may be working on. With a now it steps aside until at,
-- which it keeps as passed_until: what is wrong with it need not be wrong with the others. It comes behind all that are
-- in its lane, since both the times and the numbers that are places are less than that.
local function put_back(q, id, item, reason, at, now)
  redis.call('ZREM', q.uncertain, id)
  redis.call('ZREM', q.dead, id)
  if has_lease(q, item) then redis.call('ZREM', q.queue, item[F.lane]) end
  redis.call('ZADD', q.lane .. item[F.lane], now and int(at) or item[F.order] or item[F.due], id)
  redis.call('HSET', q.item .. id, F.state, 'R', F.token, '')
  redis.call('HDEL', q.item .. id, F.crashes, F.passed_until)
  if now then
    redis.call('HSET', q.item .. id, F.passed_until, int(at))
    local head = redis.call('ZRANGE', q.lane .. item[F.lane], 0, 0)[1]
    if head ~= id then at = tonumber(redis.call('HGET', q.item .. head, F.passed_until) or '') or now end
  end
  redis.call('PERSIST', q.item .. id)
  if item[F.message] then redis.call('PERSIST', K.message .. item[F.message]) end
  if reason ~= '' then redis.call('HSET', q.item .. id, F.reason, reason) end
  redis.call('ZADD', q.queue, 'NX', int(at), item[F.lane])
end

-- An item has come to a lane. It need not wait for one that has stepped aside, which comes behind it.
local function came(q, lane, id, now)
  if redis.call('ZADD', q.queue, 'NX', int(now), lane) == 1 then return end
  local heads = redis.call('ZRANGE', q.lane .. lane, 0, 1)
  local aside = heads[1] == id and heads[2] and redis.call('HGET', q.item .. heads[2], F.passed_until)
  if aside and redis.call('ZSCORE', q.queue, lane) == aside then redis.call('ZADD', q.queue, int(now), lane) end
end

local function somebody_works_on(q, lane)
  for _, id in ipairs(redis.call('ZRANGE', q.lane .. lane, 0, -1)) do
    local item = load_item(q.item .. id)
    if item and has_lease(q, item) then return true end
  end
  return false
end

-- The lane of an item that was put back may be waiting to try another item again; the one that comes before that one
-- need not wait. Returns when the lane is looked at.
local function look_now(q, id, item, now)
  local at = tonumber(redis.call('ZSCORE', q.queue, item[F.lane]))
  if at <= now or redis.call('ZRANK', q.lane .. item[F.lane], id) ~= 0 or somebody_works_on(q, item[F.lane]) then
    return at
  end
  redis.call('ZADD', q.queue, int(now), item[F.lane])
  return now
end

local function suspended_so_far(now)
  local total = tonumber(redis.call('GET', K.suspended_ms) or '0')
  local since = redis.call('HGET', K.suspended, F.since)
  if since then total = total + now - tonumber(since) end
  return total
end
