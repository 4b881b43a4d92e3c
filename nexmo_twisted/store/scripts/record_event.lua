-- uses time messages
-- One webhook about one message, joined into what is known: statuses only rise, whatever the order and number.
-- ARGV: now, mid, kind, sender, packed message, delay ms, then user, rank, user, rank ...
-- Returns the ms until the message is checked, or '' when it will not be.
local now = clock(ARGV[1])
local mid, kind, delay = ARGV[2], ARGV[3], tonumber(ARGV[6])
local record = load_message(mid) or {r = {}}
local function join_statuses()
  local risen = false
  for i = 7, #ARGV, 2 do
    local user, rank = ARGV[i], tonumber(ARGV[i + 1])
    if user ~= record.s and rank > (record.r[user] or -1) then record.r[user], risen = rank, true end
  end
  return risen
end

if record.x then
  record.r, record.s = record.r or {}, record.s or kind == 'sent' and ARGV[4] or nil
  if record.t and join_statuses() then save_message(mid, record) end   -- for whoever asks why
  return ''
end
if kind == 'deleted' then
  close_message(mid, record, 'deleted', now)
  redis.call('ZREM', K.due, mid)
  return ''
end
join_statuses()
if kind == 'sent' and not record.d then
  record.d, record.y, record.s, record.b = now + delay, delay, ARGV[4], ARGV[5]
  redis.call('ZADD', K.due, int(record.d), mid)
end
if not record.d then
  save_message(mid, record, KEEP.statuses)
  return ''
end
if record.n then                      -- its notifications are on their way and need it
  save_message(mid, record)
  return ''
end
save_message(mid, record, math.max(0, record.d - now) + KEEP.pending)
return int(math.max(0, record.d - now))
