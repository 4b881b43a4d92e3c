-- Scripts are atomic, not transactional: they read and decode everything before the first write. The first write of a
-- draining script is a ZREM, so that the backlog drains when Redis is out of memory. K.<name> and KEEP.<name> are the
-- keys and times of schema.py, put in when a script is loaded.

local function clock(given)           -- absolute ms, or '' for Redis' own time
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function int(n) return string.format('%.0f', n) end
