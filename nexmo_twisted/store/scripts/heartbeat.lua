-- uses time
-- The heartbeat of a process: reads what Redis remembers of it and how much work waits. The one write is a SET, after
-- all reads: refused whenever a webhook could not be stored. The number only rises, since a heartbeat that was cut off
-- and is executed late must not look like lost data.
-- ARGV: now, name of the process, number, ms to remember it. Returns {number remembered or '', now, messages pending,
-- ms that the oldest due one waits, users with work waiting, ms likewise, handsets likewise, ms, uncertain, ms since
-- the oldest, dead notifications, dead replies, jobs of users, jobs of handsets, suspended since or '', why, signed
-- webhooks in quarantine, when the oldest came or '', unsigned ones, likewise, blocked handsets that we never texted}
local now, key = clock(ARGV[1]), K.beat .. ARGV[2]
local before = tonumber(redis.call('GET', key) or '')

local function age(zset)
  local first = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')[2]
  return first and int(math.max(0, now - tonumber(first))) or '0'
end

local function size(zset) return redis.call('ZCARD', zset) end

-- Jobs in the lanes of a queue: counted in the first thousand lanes, so that a backlog costs a millisecond at most.
-- Each further lane counts as one job; so does a lane that cannot be read, which the sweep repairs.
local MOST_LANES = 1000
local function jobs(queue, lane)
  local found = math.max(0, size(queue) - MOST_LANES)
  for _, each in ipairs(redis.call('ZRANGE', queue, 0, MOST_LANES - 1)) do
    local n = redis.pcall('ZCARD', lane .. each)
    found = found + (type(n) == 'number' and n or 1)
  end
  return found
end

-- The oldest comes last, and has its time at the beginning.
local function oldest(list)
  return string.match(redis.call('LINDEX', list, -1) or '', '^{"at": (%d+)') or ''
end

local suspension = redis.call('HMGET', K.suspended, F.since, F.why)
local since = tonumber(suspension[1] or '')
local answer = {
  before and int(before) or '', int(now), size(K.due), age(K.due), size(K.out_queue), age(K.out_queue),
  size(K.in_queue), age(K.in_queue), size(K.out_uncertain), age(K.out_uncertain), size(K.out_dead),
  size(K.in_dead), jobs(K.out_queue, K.out_lane), jobs(K.in_queue, K.in_lane), since and int(since) or '',
  suspension[2] or '', redis.call('LLEN', K.quarantine), oldest(K.quarantine), redis.call('LLEN', K.unsigned),
  oldest(K.unsigned), redis.call('GET', K.blocked_strangers) or '0',
}
redis.call('SET', key, int(math.max(tonumber(ARGV[3]), before or 0)), 'PX', ARGV[4])
return answer
