-- How fast SMS go out, over all processes: the generic cell rate algorithm with a burst of one. A limit is that of the
-- account or of one number: HASH at K.rate .. name, all in µs. An SMS passes the limit of its number and that of the
-- account at the same moment. Until it can, it is given back to its lane and stands in line (see queue.lua) for the
-- first limit that keeps it, and for those before that: so it has no place in the long line of the account before its
-- number is ready. Those that come before it in a line make it wait for an interval each.

local function microseconds(given)    -- as clock(), which is too coarse for an account
  if given ~= '' then return tonumber(given) * 1000 end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end

-- When the next SMS may go out. A slot further ahead than any pause was set by a clock that was ahead, and is none.
local function next_slot(t, now)
  t = tonumber(t or '') or 0
  return t - now > KEEP.slot * 1000 and now or t
end

-- 'name interval tolerance', in µs, for each limit in the order in which they are looked at. One without an interval is
-- none, unless it pauses.
local function load_limits(given, now)
  local limits = {}
  for name, interval, tolerance in string.gmatch(given, '(%S+) (%d+) (%d+)') do
    local t = next_slot(redis.call('HGET', K.rate .. name, F.next_slot), now)
    if tonumber(interval) > 0 or t > now then
      limits[#limits + 1] = {name = name, interval = tonumber(interval), tolerance = tonumber(tolerance), next = t}
    end
  end
  return limits
end

local function save_limit(limit)
  redis.call('HSET', K.rate .. limit.name, F.next_slot, int(limit.next), F.interval, int(limit.interval),
    F.tolerance, int(limit.tolerance))
  redis.call('PEXPIRE', K.rate .. limit.name, int(KEEP.rate))
end

-- The place of an item in all lines: the token with which it had to wait for the first time.
local function place_of_item(item) return item[F.place] or item[F.token] end

-- Which of the limits keeps an SMS, and until when in µs; nil when it may go out. A slot of the last limit that its SMS
-- did not use in time is for the next SMS.
local function kept_by(limits, item, now)
  for n, limit in ipairs(limits) do
    local before = redis.call('ZCOUNT', K.rate_wait .. limit.name, '-inf', '(' .. place_of_item(item))
    local opens = limit.next + before * limit.interval - limit.tolerance
    if now < opens and (n < #limits or now < limit.next) then return n, opens end
  end
end

-- An SMS waits for the n-th of the limits: it is given back, and not looked at before its turn.
local function stand_in_line(q, nid, item, limits, n, opens)
  local at, place = int(math.ceil(opens / 1000)), place_of_item(item)
  put_back(q, nid, item, '', at)
  for i = 1, n do
    save_limit(limits[i])
    redis.call('ZADD', K.rate_wait .. limits[i].name, place, nid)
    redis.call('PEXPIRE', K.rate_wait .. limits[i].name, int(KEEP.rate))
  end
  local on, by = limits[n].name, n > 1 and limits[n - 1].name or ''
  leave_lines(q, nid, item, on, by)
  redis.call('HSET', q.item .. nid, F.limit, on, F.limit_before, by, F.place, place, F.turn, at)
  redis.call('ZADD', K.rate_turns, at, item[F.lane])
  if item[F.probes] == '1' and redis.call('EXISTS', K.suspended) == 1 then
    redis.call('HSET', K.suspended, F.probe, at)
  end
end

-- The name of the limit that an SMS must wait for, and then does; nil when it may go out.
local function must_wait(q, nid, item, limits, now)
  local n, opens = kept_by(limits, item, now)
  if not n then return nil end
  stand_in_line(q, nid, item, limits, n, opens)
  return limits[n].name
end

-- An SMS goes out. In the line of its number an SMS that was to come before it and did not has lost that place: the
-- others are not to wait for one whose process died.
local function pass(q, nid, item, limits, now)
  for n, limit in ipairs(limits) do
    limit.next = math.max(limit.next, now) + limit.interval
    save_limit(limit)
    if n < #limits then
      redis.call('ZREMRANGEBYSCORE', K.rate_wait .. limit.name, '-inf', '(' .. place_of_item(item))
    end
  end
  if item[F.limit] then leave_lines(q, nid, item) end
end
