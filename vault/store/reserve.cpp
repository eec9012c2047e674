#include "vault/store/reserve.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace talon::vault {

bool Reserve::ensure(std::uint64_t used) noexcept {
    const auto wanted = used + bytes_;
    if (end_ >= wanted) return true;
    // A step beyond what is needed, so that one call serves many commits.
    const auto step = std::clamp(bytes_ / 4, std::uint64_t{1} << 20, std::uint64_t{64} << 20);
    for (const auto target : {wanted + step, wanted}) {
        int error = EINTR;
        while (error == EINTR) {
            error = ::posix_fallocate(descriptor_, static_cast<off_t>(end_), static_cast<off_t>(target - end_));
        }
        if (error == 0) {
            end_ = target;
            return true;
        }
    }
    return false;
}

}  // namespace talon::vault
