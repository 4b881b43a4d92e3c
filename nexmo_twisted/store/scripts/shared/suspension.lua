-- Sending is suspended while the account is at fault: HASH at K.suspended. One text that something before the
-- provider refuses looks the same: so others are tried before that counts. free says who may be tried before the time
-- of the probe: item = any that was not refused yet, message = one of a message that was not refused yet, since two
-- recipients of one were. While it is undecided it has no since: another one waits, and until it has been tried no
-- suspension is reported. Up to a hundred messages are remembered that were refused meanwhile.
local LANES = 2000                    -- that are looked at for a probe, more than one message has recipients
local ITEMS = 200                     -- that are looked at

local function load_suspension() return redis.call('HLEN', K.suspended) > 0 and load_item(K.suspended) end

local function message_of(id) return string.match(id, '^[^.]*') end

local function remember_refused(suspension, id)
  local field = F.refused .. message_of(id)
  if redis.call('HLEN', K.suspended) < 100 then redis.call('HSET', K.suspended, field, '1') end
  suspension[field] = '1'
end

-- In which order they are tried: 1 = one of a message that was not refused yet, 2 = of one that was, 3 = one that was
-- refused before (see suspend_sending.lua), which proves little, 4 = the first one itself.
local function rank_of(suspension, id, refused)
  if id == suspension[F.first_refused] then return 4 end
  if refused then return 3 end
  return suspension[F.refused .. message_of(id)] and 2 or 1
end

-- The highest rank that may be tried before the time of the probe has come.
local function free_rank(suspension)
  local free = suspension[F.free]
  return free == 'item' and 2 or free == 'message' and 1 or 0
end

-- An item is tried, or was refused: the others of its kind wait until the next probe.
local function tried(suspension, rank, probe)
  local free = suspension[F.free]
  if rank == 1 then suspension[F.free] = '' elseif rank == 2 and free == 'item' then suspension[F.free] = 'message' end
  suspension[F.probe] = int(probe)
  redis.call('HSET', K.suspended, F.free, suspension[F.free] or '', F.probe, suspension[F.probe])
end

-- Whether an item up to that rank is being prepared or tried, or could be until then.
local function another_waits(q, suspension, rank, till)
  local lanes = redis.call('ZRANGE', q.queue, 0, LANES - 1, 'WITHSCORES')
  for i = 1, #lanes, 2 do
    for _, id in ipairs(redis.call('ZRANGE', q.lane .. lanes[i], 0, 1)) do
      if rank_of(suspension, id) <= rank then
        local read = redis.call('HMGET', q.item .. id, F.state, F.suspensions)
        local ready = read[1] == 'R' and tonumber(lanes[i + 1]) <= till
        if not read[2] and (read[1] == 'C' or read[1] == 'S' or ready) then return true end
      end
    end
  end
  return false
end

-- The first item of a lane, or the second when that has a lower rank and could be tried as well. Returns id, item,
-- rank.
local function best_of(q, suspension, lane, now, head_of)
  local id, item = head_of(lane)
  local rank = id and rank_of(suspension, id, item[F.suspensions]) or 5
  if rank < 3 then return id, item, rank end
  local second = id and redis.call('ZRANGE', q.lane .. lane, 1, 1)[1]
  local other = second and load_item(q.item .. second)
  local ready = other and other[F.state] == 'R' and tonumber(other[F.passed_until] or '0') <= now
  local lower = ready and rank_of(suspension, second, other[F.suspensions]) or 5
  if lower < rank then return second, other, lower end
  return id, item, rank
end

-- What is tried next: of the lanes that are due the first with the lowest rank. head_of gives id and item of the head
-- of a lane, fit says whether an item may be claimed. Returns lane, id, item and rank, or nil.
local function next_probe(q, suspension, now, head_of, fit)
  local open = (tonumber(suspension[F.probe] or '') or now) <= now
  local most, best, looked, lane, id, item = open and 4 or free_rank(suspension), 5, 0, nil, nil, nil
  for _, each in ipairs(redis.call('ZRANGEBYSCORE', q.queue, '-inf', int(now), 'LIMIT', 0, LANES)) do
    local lowest = 5
    for _, first in ipairs(redis.call('ZRANGE', q.lane .. each, 0, 1)) do
      lowest = math.min(lowest, rank_of(suspension, first))
    end
    if lowest < best and lowest <= most then
      local other_id, other, rank = best_of(q, suspension, each, now, head_of)
      if rank < best and rank <= most and fit(other) then best, lane, id, item = rank, each, other_id, other end
      looked = looked + 1
      if best == 1 or looked == ITEMS then break end
    end
  end
  if lane or not open or not suspension[F.first_refused] then return lane, id, item, best end
  -- nothing else waits, and the time is over that it stepped aside for
  item = load_item(q.item .. suspension[F.first_refused])
  if item and item[F.state] == 'R' and item[F.passed_until]
    and redis.call('ZSCORE', q.queue, item[F.lane]) == item[F.passed_until] then
    return item[F.lane], suspension[F.first_refused], item, 4
  end
end

-- Milliseconds until a claim that brought nothing need be made again, '' for never: later items may be free to be
-- tried.
local function look_again(q, suspension, now)
  local probe = tonumber(suspension[F.probe] or '') or now
  local later = redis.call('ZRANGEBYSCORE', q.queue, '(' .. int(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  local due = redis.call('ZCOUNT', q.queue, '-inf', int(now)) > 0
  if not later and not due then return '' end
  local at = due and probe or math.huge
  if later then at = math.min(at, free_rank(suspension) > 0 and tonumber(later) or math.max(probe, tonumber(later))) end
  return int(math.max(0, at - now))
end

-- A probe that was not tried after all makes room for the next; while it is undecided also one that proved nothing.
local function not_tried(item, now)
  if item[F.probes] ~= '1' or redis.call('EXISTS', K.suspended) == 0 then return end
  if item[F.state] == 'C' or redis.call('HGET', K.suspended, F.undecided) == '1' then
    redis.call('HSET', K.suspended, F.probe, int(now))
  end
end
