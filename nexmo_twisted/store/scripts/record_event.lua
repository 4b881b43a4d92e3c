-- One webhook about one message, joined into what is known: statuses only rise, whatever the order and number.
-- ARGV: now, mid, kind, sender, packed message, delay ms, then user, rank, user, rank ...
-- Returns {what, ms until the check or ''}.
local now = clock(ARGV[1])
local mid, kind, delay = ARGV[2], ARGV[3], tonumber(ARGV[6])
local record = load_message(mid) or {r = {}}
if record.x then return {'closed', ''} end
if kind == 'deleted' then
  close_message(mid, record, 'deleted', now)
  redis.call('ZREM', K.due, mid)
  return {'deleted', ''}
end
for i = 7, #ARGV, 2 do
  local user, rank = ARGV[i], tonumber(ARGV[i + 1])
  record.r[user] = math.max(record.r[user] or 0, rank)
end
local what = 'merged'
if kind == 'sent' and not record.d then
  record.d, record.s, record.b = now + delay, ARGV[4], ARGV[5]
  what = 'scheduled'
end
if not record.d then
  save_message(mid, record, KEEP.statuses)
  return {'statuses', ''}
end
if record.n then                      -- its notifications are on their way and need it
  save_message(mid, record)
  return {what, ''}
end
save_message(mid, record, math.max(0, record.d - now) + KEEP.pending)
if what == 'scheduled' then redis.call('ZADD', K.due, int(record.d), mid) end
return {what, int(math.max(0, record.d - now))}
