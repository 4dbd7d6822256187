#include "loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>

namespace weir {

namespace {

/** Timers further away than this are waited for in several steps. */
constexpr std::int64_t kLongestWaitNs = 60 * kNsPerSecond;

}  // namespace

Loop::Watch& Loop::Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    reset();
    loop_ = other.loop_;
    state_ = std::exchange(other.state_, nullptr);
    events_ = other.events_;
  }
  return *this;
}

void Loop::Watch::reset() {
  if (state_ == nullptr) return;
  State* state = std::exchange(state_, nullptr);
  ::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_DEL, state->fd, nullptr);
  // An event of this turn may still point to it: it is freed when the turn is over.
  state->ready = nullptr;
  if (state->again != 0) std::erase(loop_->again_, state);
  loop_->removed_.emplace_back(state);
}

void Loop::Watch::set(std::uint32_t events) {
  if (state_ == nullptr || events_ == events) return;
  events_ = events;
  epoll_event event{};
  event.events = events;
  event.data.ptr = state_;
  ::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_MOD, state_->fd, &event);
}

void Loop::Watch::again(std::uint32_t events) {
  if (state_ == nullptr) return;
  if (state_->again == 0) loop_->again_.push_back(state_);
  state_->again |= events;
}

Loop::Timer::Timer(Loop& loop, Callback<void()> due) : loop_(loop), due_(std::move(due)) {
  Timers one{{{}, this}};
  node_ = one.extract(one.begin());
}

void Loop::Timer::armAt(std::int64_t monoNs) {
  cancel();
  // Never due in the turn that armed it: one that re-arms itself at once cannot hold the loop.
  node_.key() = {std::max(monoNs, loop_.nowNs_ + 1), loop_.armings_++};
  place_ = loop_.timers_.insert(std::move(node_)).position;
}

void Loop::Timer::cancel() {
  if (armed()) node_ = loop_.timers_.extract(place_);
}

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), nowNs_(monoNs()) {}

Loop::~Loop() = default;

Loop::Watch Loop::watch(int fd, std::uint32_t events, Ready& ready) {
  auto state = std::make_unique<Watch::State>();
  state->ready = &ready;
  state->fd = fd;
  epoll_event event{};
  event.events = events;
  event.data.ptr = state.get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return {};
  return Watch(this, state.release(), events);
}

void Loop::forgetBatchEnd(BatchEnd& object) {
  std::replace(batchEnds_.begin(), batchEnds_.end(), &object, static_cast<BatchEnd*>(nullptr));
}

void Loop::run() {
  while (!stopping_) turn();
}

void Loop::turn() {
  std::int64_t waitNs = kLongestWaitNs;
  if (!again_.empty() || !deferred_.empty() || !batchEnds_.empty()) {
    waitNs = 0;
  } else if (!awake_.idle() && awake_.awake(monoNs())) {
    waitNs = 0;
  } else if (!timers_.empty()) {
    waitNs = std::clamp<std::int64_t>(timers_.begin()->first.first - monoNs(), 0, kLongestWaitNs);
  }
  const timespec timeout{waitNs / kNsPerSecond, waitNs % kNsPerSecond};
  std::array<epoll_event, 128> events;
  const int ready = ::epoll_pwait2(epoll_.get(), events.data(), events.size(), &timeout, nullptr);
  nowNs_ = monoNs();
  for (int i = 0; i < ready; ++i) {
    auto* state = static_cast<Watch::State*>(events[static_cast<std::size_t>(i)].data.ptr);
    if (state->ready != nullptr) state->ready->onReady(events[static_cast<std::size_t>(i)].events);
  }
  for (Watch::State* state : std::exchange(again_, {})) {
    // A watch that ended meanwhile lies in removed_ until the end of the turn.
    const std::uint32_t again = std::exchange(state->again, 0);
    if (state->ready != nullptr) state->ready->onReady(again);
  }
  runTimers();
  runBatchEnds();
  runDeferred();
  removed_.clear();
}

void Loop::runTimers() {
  while (!timers_.empty() && timers_.begin()->first.first <= nowNs_) {
    Timer* timer = timers_.begin()->second;
    timer->cancel();
    timer->due_();
  }
}

void Loop::runBatchEnds() {
  std::vector<BatchEnd*> due;
  due.swap(batchEnds_);
  for (std::size_t i = 0; i < due.size(); ++i) {
    if (due[i] == nullptr) continue;
    due[i]->onBatchEnd();
  }
  if (batchEnds_.empty()) {
    due.clear();
    batchEnds_.swap(due);
  }
}

void Loop::runDeferred() {
  for (int round = 0; round < 8 && !deferred_.empty(); ++round) {
    for (Callback<void()>& work : std::exchange(deferred_, {})) work();
  }
}

}  // namespace weir
