-- uses time messages queue suspension
-- The heads of the lanes that are due, each under a lease with a token. One item a lane, so the order in a lane holds.
-- An item whose attempt was recorded and whose lease ran out is uncertain, never tried again by itself;
-- one whose lease ran out without a result too often becomes a dead letter, since it may be what kills the process
-- (a poison message). So that it harms no other items, an item whose lease ran out is claimed alone, when nothing else
-- is worked on. None of this applies to items that this same process claimed before: the process is alive, and only the
-- reply to its claim was lost. It passes the last token that it received then, and the leases that it does not know of
-- end at once.
-- ARGV: now, queue (out or in), limit, lease ms, most claims without a result, ms between two probes while suspended,
-- 1 when the process works on nothing else, the name of the process, after a lost reply the last token that it
-- received, else ''
-- Returns {ms until the next look or '', leases lost while sending, dead letters, messages, item, item ...};
-- item = {id, token, waited ms, flat item hash}; messages = {mid, sender, payload, why it is closed, ranks as JSON,
-- conversation (22 digits, or = and its id), id if it has one of its own, mid ...}, each of them once, since a message
-- to a thousand people is as long as a thousand items.
local now, queue, lease, most = clock(ARGV[1]), ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
local q, limit, claimed, lost, dead = names(queue), tonumber(ARGV[3]), {}, 0, 0
local records, messages = {}, {}      -- by mid, and as they are returned

-- They are among the leases that were given last, of which many more belong to others.
local function take_back(last_token)
  redis.call('ZREM', q.queue, '')     -- draining: a first write that needs no memory lets the others pass
  local lanes = redis.call('ZREVRANGEBYSCORE', q.queue, int(now + lease), '(' .. int(now), 'LIMIT', 0, 1000)
  for _, lane in ipairs(lanes) do
    for _, id in ipairs(redis.call('ZRANGE', q.lane .. lane, 0, 1)) do
      local read = redis.call('HMGET', q.item .. id, F.state, F.process, F.token, F.lease_ends, F.probes)
      if read[1] == 'C' and read[2] == ARGV[8] and (tonumber(read[3] or '') or 0) > last_token
        and redis.call('ZSCORE', q.queue, lane) == read[4] then
        redis.call('ZADD', q.queue, int(now), lane)
        if read[5] == '1' and redis.call('EXISTS', K.suspended) == 1 then
          redis.call('HSET', K.suspended, F.probe, int(now))
        end
      end
    end
  end
end
if ARGV[9] ~= '' then take_back(tonumber(ARGV[9])) end

if queue == 'out' then cut_back(q, now) end

local suspension = queue == 'out' and load_suspension()
if suspension and free_rank(suspension) == 0 and tonumber(suspension[F.probe] or '0') > now then
  return {int(tonumber(suspension[F.probe]) - now), 0, 0, {}}
end

local function suspect(item) return item[F.state] == 'C' and item[F.process] ~= ARGV[8] end

local function head_of(lane)
  while true do
    local id = redis.call('ZRANGE', q.lane .. lane, 0, 0)[1]
    if not id then redis.call('ZREM', q.queue, lane); return nil end
    local item = load_item(q.item .. id)
    if not item then redis.call('ZREM', q.lane .. lane, id)
    elseif item[F.state] == 'S' then set_aside(q, id, item, 'U', 'lost', now); lost = lost + 1
    elseif suspect(item) and tonumber(item[F.crashes] or '0') + 1 >= most then
      set_aside(q, id, item, 'D', 'crashes', now)
      dead = dead + 1
    elseif item[F.state] == 'R' and tonumber(item[F.passed_until] or '0') > now then   -- all have stepped aside
      redis.call('ZREM', q.queue, lane)
      redis.call('ZADD', q.queue, item[F.passed_until], lane)
      return nil
    else return id, item end
  end
end

-- Lanes whose turn has come, which waited for a limit, then those that are due: however many fall due at once, no slot
-- of a limit is lost for lack of time.
local function due_lanes()
  local lanes, taken = {}, {}
  if queue == 'out' then
    for _, lane in ipairs(redis.call('ZRANGEBYSCORE', K.rate_turns, '-inf', int(now), 'LIMIT', 0, limit)) do
      local at = redis.call('ZSCORE', K.rate_turns, lane)
      redis.call('ZREM', K.rate_turns, lane)
      if redis.call('ZSCORE', q.queue, lane) == at then
        lanes[#lanes + 1] = lane
        taken[lane] = true
      end
    end
  end
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', q.queue, '-inf', int(now), 'LIMIT', 0, limit)) do
    if #lanes < limit and not taken[lane] then lanes[#lanes + 1] = lane end
  end
  return lanes
end

local function add_message(mid)
  if records[mid] then return end
  local record = load_message(mid) or {[F.closed] = 'expired'}
  local ok, ranks = pcall(cjson.encode, record[F.statuses] or {})
  if not ok then record, ranks = {[F.closed] = 'undecodable'}, '{}' end
  records[mid] = record
  for _, word in ipairs({
    mid, record[F.sender] or '', record[F.payload] or '', record[F.closed] or '', ranks,
    record[F.closed] and '' or conversation_of(record), record[F.message_id] or '',
  }) do
    messages[#messages + 1] = word
  end
end

local suspended = suspended_so_far(now)
local function claim(lane, id, item)
  local alone = suspect(item)
  if item[F.message] then add_message(item[F.message]) end
  redis.call('ZREM', q.queue, lane)
  local token = int(redis.call('INCR', K.seq))
  if alone then redis.call('HINCRBY', q.item .. id, F.crashes, 1) end
  redis.call('HSET', q.item .. id, F.state, 'C', F.token, token, F.process, ARGV[8], F.probes, suspension and '1' or '')
  if item[F.seen_version] then redis.call('HSET', q.item .. id, F.seen_version, version(item[F.message])) end
  lease_lane(q, id, item, now + lease)
  local before = tonumber(item[F.suspended_before] or '')
  local waited = now - (tonumber(item[F.due]) or now) - (before and suspended - before or 0)
  local fields = {'suspect', alone and '1' or ''}
  for field, value in pairs(item) do fields[#fields + 1] = field; fields[#fields + 1] = value end
  claimed[#claimed + 1] = {id, token, int(waited), fields}
end

if suspension then
  local function fit(item) return ARGV[7] == '1' or not suspect(item) end
  local lane, id, item, rank = next_probe(q, suspension, now, head_of, fit)
  if id then
    claim(lane, id, item)
    tried(suspension, rank, now + tonumber(ARGV[6]))
  end
  return {look_again(q, suspension, now), lost, dead, messages, unpack(claimed)}
end
for _, lane in ipairs(due_lanes()) do
  local id, item = head_of(lane)
  local alone = id and suspect(item)
  if alone and (#claimed > 0 or ARGV[7] ~= '1') then break end
  if id then claim(lane, id, item) end
  if alone then break end
end
local first = redis.call('ZRANGE', q.queue, 0, 0, 'WITHSCORES')[2]
local after = first and int(math.max(0, tonumber(first) - now)) or ''
return {after, lost, dead, messages, unpack(claimed)}
