-- Which notification an SMS belongs to is found by the provider's id of each of its parts, for receipts that do not
-- name it. A key for each part would take more memory than all else that is kept of a closed message, so those of one
-- hour are spread over 256 hashes that stay small: four bytes of the SHA1 of the id -> the nid, packed.
local HOUR = 3600000
local function raw(hex)
  return (string.gsub(hex, '..', function(pair) return string.char(tonumber(pair, 16)) end))
end

local function hex(bytes)
  return (string.gsub(bytes, '.', function(char) return string.format('%02x', string.byte(char)) end))
end

-- A nid is 22 digits of base64, a dot and 32 of hex: 32 bytes. That of a notice ends otherwise, and stays as it is.
local function packed(nid)
  local mid, user = string.match(nid, '^([A-Za-z0-9_-]+)%.(%x+)$')
  if not mid or #mid ~= 22 or #user ~= 32 then return nid end
  return to_bytes(mid) .. raw(user)
end

local function unpacked(short)
  if #short ~= 32 then return short end
  return to_digits(string.sub(short, 1, 16)) .. '.' .. hex(string.sub(short, 17))
end

-- Which of the 256 hashes, and the field in it.
local function place_of(message_id)
  local digest = redis.sha1hex(message_id)
  return string.sub(digest, 1, 2), raw(string.sub(digest, 3, 10))
end

local function index_sms(message_id, nid, now)
  local slot, field = place_of(message_id)
  local key = K.sms .. int(math.floor(now / HOUR)) .. ':' .. slot
  redis.call('HSET', key, field, packed(nid))
  redis.call('PEXPIRE', key, int(KEEP.closed))
end

local function indexed_sms(message_id, now)
  local slot, field = place_of(message_id)
  for hour = math.floor(now / HOUR), math.floor((now - KEEP.closed) / HOUR), -1 do
    local short = redis.call('HGET', K.sms .. int(hour) .. ':' .. slot, field)
    if short then return unpacked(short) end
  end
end
