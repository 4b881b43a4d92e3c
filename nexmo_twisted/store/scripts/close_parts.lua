-- uses time queue links attempts replies long_replies
-- Long replies whose missing parts have been waited for long enough become replies as they are.
-- ARGV: now, limit. Returns {replies, entries without their parts, ms until the next one or ''}
local now, q, closed, orphans = clock(ARGV[1]), names('in'), 0, 0
local due = redis.call('ZRANGEBYSCORE', K.long_due, '-inf', int(now), 'LIMIT', 0, ARGV[2])
local replies = {}
for i, name in ipairs(due) do replies[i] = load_parts(name) or false end
for i, name in ipairs(due) do
  redis.call('ZREM', K.long_due, name)
  if replies[i] and not replies[i][F.incomplete] then
    close_parts(q, name, replies[i], now)
    closed = closed + 1
  else orphans = orphans + 1 end
end
local first = redis.call('ZRANGE', K.long_due, 0, 0, 'WITHSCORES')[2]
return {closed, orphans, first and int(math.max(0, tonumber(first) - now)) or ''}
