-- uses time messages queue
-- Messages whose delay is over become one notification for each participant who should be texted. It does no I/O and
-- its ids are made from message and user, so it needs no lease.
-- ARGV: now, limit, ranks to report (such as '01'), most notifications but for those of the last message. Returns
-- {messages, notifications, orphans, ms until the next or ''}.
local now, ranks, q = clock(ARGV[1]), ARGV[3], names('out')
local mids = redis.call('ZRANGEBYSCORE', K.due, '-inf', int(now), 'LIMIT', 0, ARGV[2])
local records = {}
for i, mid in ipairs(mids) do records[i] = load_message(mid) or false end
local suspended, since = tonumber(redis.call('GET', K.suspended_ms) or '0'), redis.call('HGET', K.suspended, F.since)
local made, orphans, looked_at = 0, 0, 0
for i, mid in ipairs(mids) do
  if made >= tonumber(ARGV[4]) then break end
  local record = records[i]
  looked_at = i
  redis.call('ZREM', K.due, mid)
  if not record or not record[F.due] or not record[F.statuses] or record[F.closed] or record[F.open] then
    orphans = orphans + 1
  else
    local users = {}
    for user, rank in pairs(record[F.statuses]) do
      if user ~= record[F.sender] and string.find(ranks, int(rank), 1, true) then users[#users + 1] = user end
    end
    local open, many = #users, #users > MANY
    -- for how long sending was suspended before it was due
    local base = int(suspended + (since and math.max(0, record[F.due] - tonumber(since)) or 0))
    for _, user in ipairs(users) do
      local nid = nid_of(mid, user)
      redis.call('HSET', K.out_item .. nid, F.lane, user, F.message, mid, F.due, int(record[F.due]), F.state, 'R',
        F.suspended_before, base)
      if many then redis.call('HSET', K.out_item .. nid, F.seen_version, '1') end
      redis.call('ZADD', K.out_lane .. user, int(record[F.due]), nid)
      came(q, user, nid, now)
    end
    if open == 0 then close_message(mid, record, 'read', now)
    else
      record[F.open] = open
      if many then redis.call('HSET', K.outcomes .. mid, F.open_of_many, open) end
      save_message(mid, record)
      redis.call('PERSIST', K.message .. mid)   -- until its notifications are done
    end
    made = made + open
  end
end
local head = redis.call('ZRANGE', K.due, 0, 0, 'WITHSCORES')
return {looked_at, made, orphans, head[2] and int(math.max(0, tonumber(head[2]) - now)) or ''}
