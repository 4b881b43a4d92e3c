-- uses time
-- A periodic job is one process's alone until its time is over. ARGV: now, name, ms. Returns 1 or 0.
local now, key, ms = clock(ARGV[1]), K.lock .. ARGV[2], tonumber(ARGV[3])
if tonumber(redis.call('GET', key) or '0') > now then return 0 end
redis.call('SET', key, int(now + ms), 'PX', int(ms))
return 1
