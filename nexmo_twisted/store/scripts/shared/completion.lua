-- An item is done: it leaves its queue, and its message record gets what became of it, how long after it was due, and
-- what its receipts say if there were any.
local function close_item(q, id, item, outcome, now, said)
  local many = item[F.seen_version] and item[F.message]
  local left = many and tonumber(redis.call('HGET', K.outcomes .. item[F.message], F.open_of_many) or '')
  local record = item[F.message] and not (left and left > 1) and load_message(item[F.message])
  if record and left then gather(item[F.message], record) end
  said = said and said ~= '' and ' =' .. said or ''
  leave_lane(q, id, item, now)
  redis.call('ZREM', q.uncertain, id)
  redis.call('ZREM', q.dead, id)
  redis.call('DEL', q.item .. id)
  if not item[F.message] then redis.call('SET', q.item .. id, outcome .. said, 'PX', int(KEEP.closed)) end
  local result = outcome .. ' @' .. int(now - (item[F.due] or now)) .. said
  if left and left > 1 then            -- one of many, and not the last
    save_apart(item[F.message], string.match(id, '%x+$'), result, item[F.lane])
    redis.call('HINCRBY', K.outcomes .. item[F.message], F.open_of_many, -1)
    return
  end
  if left then redis.call('DEL', K.outcomes .. item[F.message]) end
  if not record then return end
  record[F.outcomes] = record[F.outcomes] or {}
  record[F.outcomes][item[F.lane]] = result
  record[F.open] = (record[F.open] or 1) - 1
  if record[F.open] <= 0 then close_message(item[F.message], record, record[F.closed] or 'done', now)
  elseif record[F.closed] then save_message(item[F.message], record, KEEP.closed)
  else save_message(item[F.message], record) end
end

-- An SMS that was tried while sending is suspended proves that the account works: it was accepted, or refused for a
-- reason of its own. What was on its way when the suspension began proves nothing.
local function end_suspension(item, now)
  if item[F.probes] ~= '1' or redis.call('EXISTS', K.suspended) == 0 then return end
  local since = tonumber(redis.call('HGET', K.suspended, F.since) or '')
  redis.call('DEL', K.suspended)
  if since then redis.call('INCRBY', K.suspended_ms, int(now - since)) end
end
