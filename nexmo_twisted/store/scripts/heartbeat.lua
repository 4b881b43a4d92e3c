-- uses time
-- A process says that it lives, hears what Redis remembers of it, and what waits. The one write is a SET, after all
-- that is read: refused whenever a webhook could not be stored. Its number only rises, since a beat that was cut off
-- and is carried out late must not look like a Redis that went back in time.
-- ARGV: now, name of the process, number, ms to remember it. Returns {number remembered or '', now, messages pending,
-- ms that the oldest due one waits, users with work waiting, ms likewise, handsets likewise, ms, uncertain, ms since
-- the oldest, buried notifications, buried replies, held since or '', why, signed webhooks in quarantine, when the
-- oldest came or '', unsigned ones, likewise, blocked handsets that we never texted}
local now, key = clock(ARGV[1]), K.beat .. ARGV[2]
local before = tonumber(redis.call('GET', key) or '')

local function age(zset)
  local first = redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')[2]
  return first and int(math.max(0, now - tonumber(first))) or '0'
end

local function size(zset) return redis.call('ZCARD', zset) end

-- The oldest comes last, and has its time at the beginning.
local function oldest(list)
  return string.match(redis.call('LINDEX', list, -1) or '', '^{"at": (%d+)') or ''
end

local hold = redis.call('HMGET', K.suspended, F.since, F.why)
local since = tonumber(hold[1] or '')
local answer = {
  before and int(before) or '', int(now), size(K.due), age(K.due), size(K.out_queue), age(K.out_queue),
  size(K.in_queue), age(K.in_queue), size(K.out_uncertain), age(K.out_uncertain), size(K.out_dead),
  size(K.in_dead), since and int(since) or '', hold[2] or '', redis.call('LLEN', K.quarantine), oldest(K.quarantine),
  redis.call('LLEN', K.unsigned), oldest(K.unsigned), redis.call('GET', K.blocked_strangers) or '0',
}
redis.call('SET', key, int(math.max(tonumber(ARGV[3]), before or 0)), 'PX', ARGV[4])
return answer
