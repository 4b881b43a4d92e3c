-- uses time messages
-- One webhook about one message, joined into what is known: statuses only rise, whatever the order and number.
-- ARGV: now, mid, kind, sender, payload, delay ms, conversation (22 digits, or = and its id), id of the message or ''
-- when mid says it, then user, rank, user, rank ...
-- Returns the ms until the message is checked, or '' when it will not be.
local now = clock(ARGV[1])
local mid, kind, delay = ARGV[2], ARGV[3], tonumber(ARGV[6])
local record = load_message(mid) or {[F.statuses] = {}}
local function join_statuses()
  local risen = false
  for i = 9, #ARGV, 2 do
    local user, rank = ARGV[i], tonumber(ARGV[i + 1])
    if user ~= record[F.sender] and rank > (record[F.statuses][user] or -1) then
      record[F.statuses][user], risen = rank, true
    end
  end
  return risen
end

if ARGV[8] ~= '' then record[F.message_id] = ARGV[8] end
if record[F.closed] then
  record[F.statuses], record[F.sender] = record[F.statuses] or {}, record[F.sender] or kind == 'sent' and ARGV[4] or nil
  if record[F.closed_at] and join_statuses() then save_message(mid, record) end   -- for `explain`
  return ''
end
if kind == 'deleted' then
  close_message(mid, record, 'deleted', now)
  redis.call('ZREM', K.due, mid)
  return ''
end
join_statuses()
if kind == 'sent' and not record[F.due] then
  record[F.due], record[F.delay], record[F.sender], record[F.payload] = now + delay, delay, ARGV[4], ARGV[5]
  local id = string.match(ARGV[7], '^=(.*)$')
  record[F.conversation] = id and {id} or ARGV[7]
  redis.call('ZADD', K.due, int(record[F.due]), mid)
end
if not record[F.due] then
  save_message(mid, record, KEEP.statuses)
  return ''
end
if record[F.open] then                -- its notifications are on their way and need it
  save_message(mid, record)
  return ''
end
save_message(mid, record, math.max(0, record[F.due] - now) + KEEP.pending)
return int(math.max(0, record[F.due] - now))
